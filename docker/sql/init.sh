#!/bin/bash
# Gives each SQL Server its database, its login and some data. It may run again:
# what is there stays.
set -euo pipefail

sqlcmd=/opt/mssql-tools18/bin/sqlcmd
export SQLCMDPASSWORD=$MSSQL_SA_PASSWORD

for n in 1 2 3; do
  run=("$sqlcmd" -S "sql-$n" -U sa -C -b -v "Database=app$n" "Password=$APP_PASSWORD")
  "${run[@]}" -i /init/server.sql
  "${run[@]}" -d "app$n" -i /init/schema.sql,/init/seed.sql
  echo "sql-$n: database app$n is ready"
done
