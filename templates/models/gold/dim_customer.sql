-- One customer, with the address of the latest order (by purchase time, then order id); a person without orders keeps the address given.
-- grain: customer_unique_id
-- inputs: silver.customers, silver.orders
SELECT customer_unique_id, customer_zip_code_prefix, customer_city, customer_state, orders, first_purchase, last_purchase
FROM (
  SELECT
    c.customer_unique_id,
    c.customer_zip_code_prefix,
    c.customer_city,
    c.customer_state,
    count(o.order_id) OVER (PARTITION BY c.customer_unique_id) AS orders,
    min(o.order_purchase_timestamp) OVER (PARTITION BY c.customer_unique_id) AS first_purchase,
    max(o.order_purchase_timestamp) OVER (PARTITION BY c.customer_unique_id) AS last_purchase,
    row_number() OVER (
      PARTITION BY c.customer_unique_id
      ORDER BY o.order_purchase_timestamp DESC NULLS LAST, o.order_id DESC NULLS LAST, c.customer_id DESC
    ) AS recency
  FROM {{ ref('silver.customers') }} AS c
  LEFT JOIN {{ ref('silver.orders') }} AS o ON o.customer_id = c.customer_id
  WHERE c.customer_unique_id IS NOT NULL
) AS ranked
WHERE recency = 1
