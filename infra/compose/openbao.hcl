# OpenBao with raft storage: three nodes, one configuration. What differs stands in each node's environment:
# BAO_RAFT_NODE_ID, BAO_API_ADDR, BAO_CLUSTER_ADDR.
#
# Back up under load: bao operator raft snapshot save FILE. The snapshot opens with the seal key only.

storage "raft" {
  path = "/var/lib/openbao"

  retry_join {
    leader_api_addr     = "https://openbao-1:8200"
    leader_ca_cert_file = "/run/secrets/openbao_ca"
  }
  retry_join {
    leader_api_addr     = "https://openbao-2:8200"
    leader_ca_cert_file = "/run/secrets/openbao_ca"
  }
  retry_join {
    leader_api_addr     = "https://openbao-3:8200"
    leader_ca_cert_file = "/run/secrets/openbao_ca"
  }
}

# 32 bytes, the same on each node. A hardware or transit seal is stronger: see OpenBao's manual.
seal "static" {
  current_key_id = "k1"
  current_key    = "file:///run/secrets/seal_key"
}

listener "tcp" {
  address         = "0.0.0.0:8200"
  cluster_address = "0.0.0.0:8201"
  tls_cert_file   = "/run/secrets/openbao_certificate"
  tls_key_file    = "/run/secrets/openbao_key"
  tls_min_version = "tls12"
}

ui = false

# On the volume of the node, relative to its working directory. OpenBao stops working when it cannot write here:
# have it rotated (SIGHUP reopens it).
audit "file" "trustwright" {
  options {
    file_path = "audit.log"
    mode      = "0600"
  }
}
