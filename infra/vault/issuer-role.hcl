
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
}
