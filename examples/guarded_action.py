#!/usr/bin/env python3
"""An ERP's own action under guard (docs/locks.md, Runs).   guarded_action.py URL TOKEN DATABASE BILL QUANTITY

Approves BILL (SaleOrder:1001) with that quantity. DATABASE is an SQLite file with hf_bill (docs/fencing.md) and a table
tb_SaleOrder (SOrder_ID, TotalQty). Exit codes: 0 committed, 1 refused."""
import json, sqlite3, sys, urllib.error, urllib.request

url, bearer, database, bill, quantity = sys.argv[1:]
erp = sqlite3.connect(database, isolation_level=None)  # the transactions are ours
key = dict(zip(("type", "id"), bill.split(":")))


def tell(path, body):
    headers = {"Authorization": "Bearer " + bearer, "Content-Type": "application/json"}
    request = urllib.request.Request(f"{url}/v1/runs/{path}", json.dumps(body).encode(), headers, method="POST")
    try:
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        sys.exit(error.read().decode())


# From here on nobody else edits the bill, and no other action runs on it.
run = tell("begin", {"action": "approve", "bills": [bill]})
row = erp.execute("SELECT version FROM hf_bill WHERE type = :type AND id = :id", key).fetchone()
fence = key | {"version": row[0], "token": run["token"]}
print(f"run {run['run']}, version {row[0]}; commit it with Enter", flush=True)
sys.stdin.readline()

tell(run["run"] + "/step", {"step": "writing"})  # fails if its locks are gone
erp.execute("BEGIN IMMEDIATE")
hit = erp.execute("""UPDATE hf_bill SET version = version + 1, token = :token, guarded = 1
 WHERE type = :type AND id = :id AND version = :version AND token <= :token AND part_token <= :token AND guarded = 0""", fence)
if hit.rowcount != 1:
    erp.execute("ROLLBACK")
    tell(run["run"] + "/fail", {"error": f"{bill} has changed meanwhile"})
    sys.exit(f"{bill} has changed meanwhile: begin anew")
erp.execute("UPDATE tb_SaleOrder SET TotalQty = :quantity WHERE SOrder_ID = :id", key | {"quantity": int(quantity)})
erp.execute("UPDATE hf_bill SET guarded = 0 WHERE type = :type AND id = :id", key)
erp.execute("COMMIT")  # an outbox row of the same transaction, with the run as its cause, settles a run that is not heard
tell(run["run"] + "/finish", {})
