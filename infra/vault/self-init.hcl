# What OpenBao does by itself on its very first start, before it listens: it makes one login, for the
# identity that prepares environments (provisioner.hcl), and revokes the root token that it did this
# with. No root token and no recovery key ever leaves it. Later starts skip all of this.
#
# Should one request fail, OpenBao refuses every later start over the same, still empty, data.

initialize "provisioner" {
  request "policy" {
    operation = "update"
    path      = "sys/policies/acl/provisioner"
    data = {
      policy = {
        eval_type   = "string"
        eval_source = "file"
        path        = $policy
      }
    }
  }

  request "mount" {
    operation = "update"
    path      = "sys/auth/jwt-provisioner"
    data = {
      type        = "jwt"
      description = "Trustwright's provisioner: signs its own login tokens"
    }
  }

  # The public half of the key in identities/provisioner.key.
  request "key" {
    operation = "update"
    path      = "auth/jwt-provisioner/config"
    data = {
      bound_issuer       = "trustwright"
      jwt_supported_algs = ["ES256"]
      jwt_validation_pubkeys = {
        eval_type   = "string"
        eval_source = "file"
        path        = $public_key
      }
    }
  }

  request "role" {
    operation = "update"
    path      = "auth/jwt-provisioner/role/provisioner"
    data = {
      role_type               = "jwt"
      user_claim              = "sub"
      bound_subject           = "provisioner"
      bound_audiences         = ["trustwright"]
      token_policies          = ["provisioner"]
      token_no_default_policy = true
      token_bound_cidrs       = ["127.0.0.1/32"]
      token_type              = "batch"
      token_ttl               = "15m"
      token_max_ttl           = "15m"

      # None: the token's own times count. Zero would mean the defaults, up to 150 seconds.
      expiration_leeway       = -1
      not_before_leeway       = -1
      clock_skew_leeway       = -1
    }
  }
}
