
# provisioner: prepares mount, roles, logins and policies of one environment. It writes the policies
# of the other identities, so it is as strong as they are together. Only preparing needs its key:
# take it off the machine that runs the flows once the environment is prepared.

path "${prefix}sys/mounts/${mount}" {
  capabilities = ["create", "read", "update"]
}

path "${prefix}sys/mounts/${mount}/tune" {
  capabilities = ["read", "update"]
}

path "${prefix}${mount}/config/urls" {
  capabilities = ["create", "read", "update"]
}

path "${prefix}${mount}/config/crl" {
  capabilities = ["create", "read", "update"]
}

path "${prefix}${mount}/roles/+" {
  capabilities = ["create", "read", "update"]
}
