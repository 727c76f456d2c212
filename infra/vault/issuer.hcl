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

# Sets for consumers that fetch them. It reads back what it wrote; that each write is check-and-set, the
# engine sees to (cas_required). No list, no deletion, no change of these settings.
path "$delivery/data/+/set" {
  capabilities       = ["create", "read", "update"]
  allowed_parameters = { "options" = [], "data" = [] }
}

path "$delivery/metadata/+/set" {
  capabilities = ["read"]
}

# Certification requests, which hosts leave.
path "$delivery/data/+/request" {
  capabilities = ["read"]
}

path "$mount/issuer/+/sign/admin" {
  capabilities = ["deny"]
}
