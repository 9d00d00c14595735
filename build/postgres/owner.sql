-- The role that owns the database of the service; it creates the roles with fewer rights that the schema asks for.
\getenv password REPORTS_OWNER_PASSWORD
create role reports login createrole password :'password';
create database reports owner reports;
