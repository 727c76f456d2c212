
# The policy and the two kinds of login of $identity. Whichever kind its folder no longer holds loses
# its role, and a secret that is no longer in its file is destroyed. A second role in these mounts is a
# door that nobody asked for: it can be seen and removed, not written.

path "${prefix}sys/policies/acl/trustwright-$identity" {
  capabilities = ["create", "read", "update"]
}

path "${prefix}sys/auth/jwt-$identity" {
  capabilities = ["create", "read", "update", "sudo"]
}

path "${prefix}auth/jwt-$identity/config" {
  capabilities = ["create", "read", "update"]
}

path "${prefix}auth/jwt-$identity/role/+" {
  capabilities = ["read", "delete", "list"]
}

path "${prefix}auth/jwt-$identity/role/$identity" {
  capabilities = ["create", "read", "update", "delete"]
}

path "${prefix}sys/auth/approle-$identity" {
  capabilities = ["create", "read", "update", "sudo"]
}

path "${prefix}auth/approle-$identity/role/+" {
  capabilities = ["read", "delete", "list"]
}

path "${prefix}auth/approle-$identity/role/$identity" {
  capabilities = ["create", "read", "update", "delete"]
}

path "${prefix}auth/approle-$identity/role/$identity/role-id" {
  capabilities = ["read", "update"]
}

path "${prefix}auth/approle-$identity/role/$identity/secret-id" {
  capabilities = ["list"]
}

path "${prefix}auth/approle-$identity/role/$identity/secret-id/lookup" {
  capabilities = ["create", "update"]
}

path "${prefix}auth/approle-$identity/role/$identity/custom-secret-id" {
  capabilities = ["create", "update"]
}

path "${prefix}auth/approle-$identity/role/$identity/secret-id-accessor/destroy" {
  capabilities = ["create", "update"]
}
