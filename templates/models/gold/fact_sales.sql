-- One sold item of an order. An item whose order has not arrived yet has no purchase date; a date outside dim_date has no key.
-- grain: order_id, order_item_id
-- inputs: silver.order_items, silver.orders, silver.customers, gold.dim_date
-- partition: month(purchase_date)
-- affected by silver.order_items: SELECT o.order_purchase_timestamp FROM changed AS i
--   LEFT JOIN {{ ref('silver.orders') }} AS o ON o.order_id = i.order_id
-- affected by silver.orders: SELECT order_purchase_timestamp FROM changed
--   UNION ALL SELECT CAST(NULL AS TIMESTAMP) FROM changed
-- affected by silver.customers: SELECT o.order_purchase_timestamp FROM changed AS c
--   JOIN {{ ref('silver.orders') }} AS o ON o.customer_id = c.customer_id
-- affected by gold.dim_date: SELECT o.order_purchase_timestamp FROM changed AS d
--   JOIN {{ ref('silver.order_items') }} AS i ON CAST(i.shipping_limit_date AS DATE) = d.full_date
--   LEFT JOIN {{ ref('silver.orders') }} AS o ON o.order_id = i.order_id
--   UNION ALL SELECT full_date FROM changed
SELECT
  i.order_id,
  i.order_item_id,
  o.customer_id,
  c.customer_unique_id,
  c.customer_state,
  i.product_id,
  i.seller_id,
  o.order_status,
  o.order_purchase_timestamp,
  CAST(o.order_purchase_timestamp AS DATE) AS purchase_date,
  purchase.date_key AS purchase_date_key,
  i.shipping_limit_date,
  shipping.date_key AS shipping_limit_date_key,
  o.order_delivered_customer_date,
  o.order_estimated_delivery_date,
  i.price,
  i.freight_value,
  CAST(i.price + i.freight_value AS DECIMAL(13, 2)) AS total
FROM {{ ref('silver.order_items') }} AS i
LEFT JOIN {{ ref('silver.orders') }} AS o ON o.order_id = i.order_id
LEFT JOIN {{ ref('silver.customers') }} AS c ON c.customer_id = o.customer_id
LEFT JOIN {{ ref('gold.dim_date') }} AS purchase ON purchase.full_date = CAST(o.order_purchase_timestamp AS DATE)
LEFT JOIN {{ ref('gold.dim_date') }} AS shipping ON shipping.full_date = CAST(i.shipping_limit_date AS DATE)
