# rotator: makes the key and the request of $environment's next intermediate, imports what the root
# signed, names it and points the default at it. It signs nothing, deletes nothing and never sees a
# private key. Numbers are compared as texts: the caller sends "384", not 384.

path "$mount/issuers/generate/intermediate/internal" {
  capabilities        = ["update"]
  required_parameters = ["key_name", "key_type", "key_bits", "common_name", "ou"]
  allowed_parameters = {
    "key_name"              = ["$environment-g*"]
    "key_type"              = ["ec"]
    "key_bits"              = ["256", "384"]
    "common_name"           = []
    "organization"          = []
    "ou"                    = ["$environment"]
    "add_basic_constraints" = [true]
    "exclude_cn_from_sans"  = [true]
  }
}

path "$mount/issuers/generate/intermediate/existing" {
  capabilities        = ["update"]
  required_parameters = ["key_ref", "common_name", "ou"]
  allowed_parameters = {
    "key_ref"               = []
    "common_name"           = []
    "organization"          = []
    "ou"                    = ["$environment"]
    "add_basic_constraints" = [true]
    "exclude_cn_from_sans"  = [true]
  }
}

# Takes no private key, unlike import/bundle.
path "$mount/issuers/import/cert" {
  capabilities        = ["update"]
  required_parameters = ["pem_bundle"]
  allowed_parameters  = { "pem_bundle" = [] }
}

# patch, not update: a POST would replace every member that it does not name.
path "$mount/issuer/+" {
  capabilities = ["read", "patch"]
  allowed_parameters = {
    "issuer_name"             = ["$environment-g*"]
    "leaf_not_after_behavior" = ["err"]
  }
}

path "$mount/issuers" {
  capabilities = ["list"]
}

path "$mount/keys" {
  capabilities = ["list"]
}

path "$mount/config/issuers" {
  capabilities = ["read", "update"]
  allowed_parameters = {
    "default"                       = []
    "default_follows_latest_issuer" = [false]
  }
}
