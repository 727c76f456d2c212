
# Its host keeps the key itself and leaves its certification request here.
path "$delivery/data/$consumer/request" {
  capabilities = ["create", "read", "update"]
}
