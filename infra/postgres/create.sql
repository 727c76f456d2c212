-- Accounts and databases on a PostgreSQL server (14 or newer), by a superuser, once or again:
--
--   psql --no-psqlrc --set ON_ERROR_STOP=1 --dbname postgres --file infra/postgres/create.sql
--
-- account             may
-- trustwright_owner   make and change the tables of the store: `trustwright store migrate`, nothing else
-- trustwright_flows   read, insert and update the store's rows: what the flows and the commands log in as
-- prefect             everything in its own database, which Prefect migrates by itself; nothing in the store
--
-- None may make databases or accounts, none is reachable without a password or a certificate: set them with
-- \password, or map the accounts in pg_hba.conf. No record is ever deleted, so nobody but the owner can.
-- TRUSTWRIGHT_STORE_URL of the flows: postgresql://trustwright_flows:…@host/trustwright

SELECT format('CREATE ROLE %I LOGIN', name)
  FROM (VALUES ('trustwright_owner'), ('trustwright_flows'), ('prefect')) AS wanted (name)
 WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) \gexec

ALTER ROLE trustwright_owner LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS;
ALTER ROLE trustwright_flows LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS;
ALTER ROLE prefect LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS;

SELECT format('CREATE DATABASE %I OWNER %I TEMPLATE template0 ENCODING ''UTF8''', name, owner)
  FROM (VALUES ('trustwright', 'trustwright_owner'), ('prefect', 'prefect')) AS wanted (name, owner)
 WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = name) \gexec

-- PUBLIC is every account of the server.
REVOKE ALL ON DATABASE trustwright FROM PUBLIC;
REVOKE ALL ON DATABASE prefect FROM PUBLIC;
GRANT CONNECT ON DATABASE trustwright TO trustwright_flows;

\connect prefect
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE, CREATE ON SCHEMA public TO prefect;

\connect trustwright
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE, CREATE ON SCHEMA public TO trustwright_owner;
GRANT USAGE ON SCHEMA public TO trustwright_flows;

-- For the tables that `trustwright store migrate` will make, and for those that it has made.
ALTER DEFAULT PRIVILEGES FOR ROLE trustwright_owner IN SCHEMA public
  GRANT SELECT, INSERT, UPDATE ON TABLES TO trustwright_flows;
GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA public TO trustwright_flows;
