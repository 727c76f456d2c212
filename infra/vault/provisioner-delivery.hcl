
# The KV engine from which consumers fetch their sets, with a policy and a login for each of them. What
# a consumer has that left the estate can be deleted, when a person approved it. No rule here reads a
# set, and a secret_id leaves the server only wrapped: it is unwrapped once, on the consumer's host.

path "${prefix}sys/mounts/${delivery}" {
  capabilities = ["create", "read", "update"]
}

path "${prefix}${delivery}/config" {
  capabilities = ["create", "read", "update"]
}

path "${prefix}${delivery}/metadata" {
  capabilities = ["list"]
}

path "${prefix}${delivery}/metadata/+/set" {
  capabilities = ["create", "read", "update", "delete"]
}

path "${prefix}${delivery}/metadata/+/request" {
  capabilities = ["read", "delete"]
}

path "${prefix}sys/policies/acl/trustwright-consumer-*" {
  capabilities = ["create", "read", "update", "delete"]
}

path "${prefix}sys/auth/approle-consumers" {
  capabilities = ["create", "read", "update", "sudo"]
}

path "${prefix}auth/approle-consumers/role/+" {
  capabilities = ["create", "read", "update", "delete", "list"]
}

path "${prefix}auth/approle-consumers/role/+/role-id" {
  capabilities = ["read"]
}

path "${prefix}auth/approle-consumers/role/+/secret-id" {
  capabilities     = ["update"]
  min_wrapping_ttl = "1s"
  max_wrapping_ttl = "1h"
}
