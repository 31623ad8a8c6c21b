"""Looks at a console with pymssql: console.py PORT USER PASSWORD."""
import sys

import pymssql

port, user, password = sys.argv[1:]


def connect(password):
    return pymssql.connect(server="127.0.0.1", port=port, user=user, password=password, database="sluice")


connection = connect(password)
cursor = connection.cursor(as_dict=True)
for command in ("SHOW BUCKETS", "SHOW LISTS", "PAUSE bucket-001 0", "RESUME bucket-001"):
    cursor.execute(command)
    rows = cursor.fetchall()
    print(command, len(rows), rows[0])
try:
    cursor.execute("FLY")
except pymssql.Error as e:
    print("FLY", e.args[0])
connection.commit()
connection.close()
try:
    connect("wrong")
except pymssql.Error as e:
    print("wrong password", e.args[0][0])
