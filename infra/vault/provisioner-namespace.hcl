path "$path" {
  capabilities = ["create", "read", "update"]
}

