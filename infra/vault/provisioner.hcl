
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

# What is surplus is found by lists, and named. A role in the mount can be removed, and so can a policy
# with our mark, when a person approved it by its address. Nothing else can. (A list is a call to the
# empty name, so the rule with the + covers it.)

path "${prefix}${mount}/roles/+" {
  capabilities = ["create", "read", "update", "delete", "list"]
}

path "${prefix}sys/policies/acl" {
  capabilities = ["list"]
}

# The policies of the identities have rules of their own, without delete (provisioner-identity.hcl).
path "${prefix}sys/policies/acl/trustwright-*" {
  capabilities = ["read", "delete"]
}

path "${prefix}sys/mounts" {
  capabilities = ["read"]
}

path "${prefix}sys/auth" {
  capabilities = ["read"]
}
