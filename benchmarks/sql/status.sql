-- Floor of a billing status: the summary of the patient's account and what is open on it, in one read.
SELECT balance.receivable_minor, balance.payer_receivable_minor, balance.deposit_minor, due.at, due.open
FROM ledger_patientbalance AS balance
CROSS JOIN LATERAL (
    SELECT min(item.due_at) AS at, count(*) AS open
    FROM ledger_openitem AS open_item
    JOIN charging_chargeitem AS item ON item.hospital_id = open_item.hospital_id AND item.id = open_item.id
    WHERE open_item.hospital_id = balance.hospital_id AND open_item.patient_account_id = balance.id
      AND open_item.patient_minor > 0
) AS due
WHERE balance.hospital_id = %(hospital)s AND balance.id = %(account)s
