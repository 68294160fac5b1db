-- The table to keep in the OLAP database.
CREATE MATERIALIZED VIEW customer_purchase AS
SELECT
  customer.customer_id AS customer_id,
  purchase.purchase_id AS purchase_id,
  customer.name AS customer_name,
  customer.country AS country,
  purchase.amount AS amount,
  purchase.purchased_at AS purchased_at
FROM customer
INNER JOIN purchase
  ON customer.customer_id = purchase.customer_id;
