
path "$mount/issuer/+/sign/$role" {
  capabilities        = ["update"]
  required_parameters = ["csr", "common_name", "ttl"]
  allowed_parameters = {
    "csr"         = []
    "common_name" = []
    "alt_names"   = []
    "uri_sans"    = []
    "ttl"         = []
  }

  # The server takes a name with an @ for an e-mail address, which no role can forbid.
  denied_parameters = {
    "common_name" = ["*@*"]
    "alt_names"   = ["*@*"]
  }
}

# The server points its default at the first intermediate as soon as it is imported, before anything
# is proven: nobody signs through that pointer.
path "$mount/issuer/default/sign/$role" {
  capabilities = ["deny"]
}
