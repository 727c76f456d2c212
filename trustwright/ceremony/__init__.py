"""The offline half: requests, responses, rules, signing, transcript."""
