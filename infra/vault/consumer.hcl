# consumer $consumer of $environment: reads the set that it is delivered, and nothing else. It cannot
# list, and has no path of the PKI.

path "$delivery/data/$consumer/set" {
  capabilities = ["read"]
}
