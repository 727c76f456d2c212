
# Its own policy: `trustwright up` compares it with the program's.
path "sys/policies/acl/provisioner" {
  capabilities = ["read"]
}
