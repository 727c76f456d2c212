# OpenBao on one machine, as `trustwright up` starts it. The $names are filled in at every start.
#
# Storage is a local embedded database without a snapshot endpoint: back up the folder while OpenBao
# is stopped, together with the seal key. Whoever has both has every intermediate's key. Where
# backup under load or a second node matters, run OpenBao by itself with raft storage instead.

storage "pebbledb" {
  path = $data
}

# Opens the storage at every start, so that a reboot needs nobody.
seal "static" {
  current_key_id = "k1"
  current_key    = $seal_key
}

listener "tcp" {
  address         = $address
  tls_cert_file   = $certificate
  tls_key_file    = $key
  tls_min_version = "tls12"
}

api_addr           = $url
disable_clustering = true # otherwise it listens on the next port, too
ui                 = false

# Requests and answers, secrets replaced by HMACs. OpenBao refuses to work when it cannot write here.
# Relative to the folder of this file, in which it is started: OpenBao takes no other text later on, and
# the folder may be moved.
audit "file" "trustwright" {
  options {
    file_path = "audit.log"
    mode      = "0600"
  }
}
