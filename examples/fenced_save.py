#!/usr/bin/env python3
"""An ERP's save under a lock, fenced (docs/fencing.md).   fenced_save.py URL TOKEN DATABASE BILL QUANTITY

DATABASE is an SQLite file with hf_bill and a table tb_SaleOrder (SOrder_ID, TotalQty); BILL is SaleOrder:1001.
Exit codes: 0 saved, 1 refused."""
import json, sqlite3, sys, urllib.error, urllib.request

url, bearer, database, bill, quantity = sys.argv[1:]
erp = sqlite3.connect(database, isolation_level=None)  # the transactions are ours
key = dict(zip(("type", "id"), bill.split(":")))


def ask(method, path, body=None):
    headers = {"Authorization": "Bearer " + bearer, "Content-Type": "application/json"}
    request = urllib.request.Request(url + path, json.dumps(body).encode() if body else None, headers, method=method)
    try:
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        sys.exit(error.read().decode())


# Before the user edits: the version first, then the bill, and the lock with what was read.
row = erp.execute("SELECT version FROM hf_bill WHERE type = :type AND id = :id", key).fetchone()
version = row[0] if row else 0
session = ask("POST", "/v1/sessions", {"client": "fenced_save"})["session"]
lock = ask("POST", "/v1/locks", {"session": session, "targets": [bill], "if_versions": {bill: version}})
fence = key | {"version": version, "token": lock.get("tokens", {}).get(bill, lock["token"])}

print(f"editing {bill}, version {version}; save it with Enter", flush=True)
sys.stdin.readline()

erp.execute("BEGIN IMMEDIATE")
if version == 0:
    erp.execute("INSERT INTO hf_bill (type, id) VALUES (:type, :id) ON CONFLICT (type, id) DO NOTHING", key)
hit = erp.execute("""UPDATE hf_bill SET version = version + 1, token = :token, guarded = 1
 WHERE type = :type AND id = :id AND version = :version AND token <= :token AND part_token <= :token AND guarded = 0""", fence)
if hit.rowcount != 1:
    erp.execute("ROLLBACK")
    sys.exit(f"{bill} has changed meanwhile, or the lock was lost: read it again")
erp.execute("UPDATE tb_SaleOrder SET TotalQty = :quantity WHERE SOrder_ID = :id", key | {"quantity": int(quantity)})
erp.execute("UPDATE hf_bill SET guarded = 0 WHERE type = :type AND id = :id", key)
erp.execute("COMMIT")
ask("DELETE", f"/v1/locks/{lock['lock']}?session={session}&version={version + 1}")
ask("DELETE", f"/v1/sessions/{session}")
