"""Chat and mail through apprise, whose only importer this package is.

`routes` decides who hears a notice, `channels` knows the secret URLs, `apprise_notifier` sends.

A channel that failed is a line of the logger ``trustwright.notify``. Where nobody has set up
logging (the command line) it is shown nowhere: Python would print it raw, beside what the command
says.
"""

import logging

logging.getLogger(__name__).addHandler(logging.NullHandler())
