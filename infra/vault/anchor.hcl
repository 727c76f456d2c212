# anchor: makes the self-signed twin of $environment's intermediate. The server signs any
# self-issued CA certificate that is handed to this call, whatever it names: this identity is as
# strong as the intermediate's key. Keep its key where only the rotation can read it.

path "$mount/issuer/+/sign-self-issued" {
  capabilities        = ["update", "sudo"]
  required_parameters = ["certificate"]
  allowed_parameters  = { "certificate" = [] }
}

path "$mount/issuer/default/sign-self-issued" {
  capabilities = ["deny"]
}

path "$mount/issuer/+" {
  capabilities = ["read"]
}
