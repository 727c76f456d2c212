#!/bin/sh
# Give the accounts of create.sql their passwords; run by PostgreSQL's image when its volume is empty.
# psql reads the files by itself: a command line is for everybody to read.
set -eu

for account in trustwright_owner trustwright_flows prefect; do
    psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres <<SQL
\set word \`cat ${SECRETS:-/run/secrets}/${account}_password\`
ALTER ROLE $account PASSWORD :'word';
SQL
done
