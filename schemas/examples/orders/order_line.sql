-- One row for each line of an order that is more than a draft. Orders and their lines are read in parallel by order_id;
-- customers, countries and products are looked up (docs/views.md).
CREATE MATERIALIZED VIEW order_line AS
SELECT
  i.order_id,
  i.line_no,
  o.status,
  o.placed_at,
  upper(c.name) AS customer,
  k.title AS country,
  p.title AS product,
  i.quantity * p.price AS amount
FROM order_items i
JOIN orders o ON o.order_id = i.order_id
LEFT JOIN customers c ON c.customer_id = o.customer_id
LEFT JOIN countries k ON k.code = c.country_code
JOIN products p ON p.product_id = i.product_id
WHERE o.status <> 'draft';
