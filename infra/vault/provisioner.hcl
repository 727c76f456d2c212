# provisioner: prepares mount, roles, logins and policies of one environment. It writes the policies
# of the other identities, so it is as strong as they are together. Only preparing needs its key:
# take it off the machine that runs the flows once the environment is prepared. It deletes nothing.

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

path "${prefix}sys/policies/acl/trustwright-issuer" {
  capabilities = ["create", "read", "update"]
}

path "${prefix}sys/policies/acl/trustwright-rotator" {
  capabilities = ["create", "read", "update"]
}

path "${prefix}sys/policies/acl/trustwright-anchor" {
  capabilities = ["create", "read", "update"]
}

path "${prefix}sys/auth/jwt-issuer" {
  capabilities = ["create", "read", "update", "sudo"]
}

path "${prefix}auth/jwt-issuer/config" {
  capabilities = ["create", "read", "update"]
}

path "${prefix}auth/jwt-issuer/role/issuer" {
  capabilities = ["create", "read", "update"]
}

path "${prefix}sys/auth/jwt-rotator" {
  capabilities = ["create", "read", "update", "sudo"]
}

path "${prefix}auth/jwt-rotator/config" {
  capabilities = ["create", "read", "update"]
}

path "${prefix}auth/jwt-rotator/role/rotator" {
  capabilities = ["create", "read", "update"]
}

path "${prefix}sys/auth/jwt-anchor" {
  capabilities = ["create", "read", "update", "sudo"]
}

path "${prefix}auth/jwt-anchor/config" {
  capabilities = ["create", "read", "update"]
}

path "${prefix}auth/jwt-anchor/role/anchor" {
  capabilities = ["create", "read", "update"]
}

path "${prefix}sys/auth/approle-issuer" {
  capabilities = ["create", "read", "update", "sudo"]
}

path "${prefix}auth/approle-issuer/role/issuer" {
  capabilities = ["create", "read", "update"]
}

path "${prefix}auth/approle-issuer/role/issuer/role-id" {
  capabilities = ["read", "update"]
}

path "${prefix}auth/approle-issuer/role/issuer/secret-id/lookup" {
  capabilities = ["create", "update"]
}

path "${prefix}auth/approle-issuer/role/issuer/custom-secret-id" {
  capabilities = ["create", "update"]
}

path "${prefix}sys/auth/approle-rotator" {
  capabilities = ["create", "read", "update", "sudo"]
}

path "${prefix}auth/approle-rotator/role/rotator" {
  capabilities = ["create", "read", "update"]
}

path "${prefix}auth/approle-rotator/role/rotator/role-id" {
  capabilities = ["read", "update"]
}

path "${prefix}auth/approle-rotator/role/rotator/secret-id/lookup" {
  capabilities = ["create", "update"]
}

path "${prefix}auth/approle-rotator/role/rotator/custom-secret-id" {
  capabilities = ["create", "update"]
}

path "${prefix}sys/auth/approle-anchor" {
  capabilities = ["create", "read", "update", "sudo"]
}

path "${prefix}auth/approle-anchor/role/anchor" {
  capabilities = ["create", "read", "update"]
}

path "${prefix}auth/approle-anchor/role/anchor/role-id" {
  capabilities = ["read", "update"]
}

path "${prefix}auth/approle-anchor/role/anchor/secret-id/lookup" {
  capabilities = ["create", "update"]
}

path "${prefix}auth/approle-anchor/role/anchor/custom-secret-id" {
  capabilities = ["create", "update"]
}
