# admin: signs through the role admin of $environment and does nothing else: no other role, no list,
# no revocation. It belongs on the admins' own machines, where `trustwright admin issue` is typed.
# Issuer certificates and CRLs, which that needs too, are public.
