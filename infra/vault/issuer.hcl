# issuer: the day-to-day identity of $environment. Signs through the roles of services, revokes,
# reads. It cannot sign through the role admin: see admin.hcl.

path "$mount/revoke" {
  capabilities        = ["update"]
  required_parameters = ["serial_number"]
  allowed_parameters  = { "serial_number" = [] }
}

path "$mount/crl/rotate" {
  capabilities = ["read"] # a GET that rebuilds: the API knows no other method
}

path "$mount/certs" {
  capabilities = ["list"]
}

path "$mount/cert/+" {
  capabilities = ["read"]
}

path "$mount/issuer/+/sign/admin" {
  capabilities = ["deny"]
}
