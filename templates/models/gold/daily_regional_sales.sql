-- Purchases of one day from one state: all orders, whatever their status; money of their items. Deliveries are counted on the
-- day of purchase; timed deliveries are the delivered orders with a delivery time, which alone can be on time.
-- grain: purchase_date, customer_state
-- inputs: silver.orders, silver.order_items, silver.customers
-- partition: month(purchase_date)
-- affected by silver.orders: SELECT order_purchase_timestamp FROM changed
-- affected by silver.order_items: SELECT o.order_purchase_timestamp FROM changed AS i
--   JOIN {{ ref('silver.orders') }} AS o ON o.order_id = i.order_id
-- affected by silver.customers: SELECT o.order_purchase_timestamp FROM changed AS c
--   JOIN {{ ref('silver.orders') }} AS o ON o.customer_id = c.customer_id
SELECT
  purchase_date,
  customer_state,
  count(*) AS orders,
  count_if(items > 0) AS orders_with_items,
  CAST(coalesce(sum(items), 0) AS BIGINT) AS items,
  CAST(coalesce(sum(revenue), 0) AS DECIMAL(18, 2)) AS revenue,
  CAST(coalesce(sum(freight), 0) AS DECIMAL(18, 2)) AS freight,
  count_if(order_status = 'delivered') AS delivered_orders,
  count_if(delivery_seconds IS NOT NULL) AS timed_deliveries,
  count_if(delivery_seconds IS NOT NULL AND order_delivered_customer_date <= order_estimated_delivery_date) AS on_time_orders,
  count_if(
    delivery_seconds IS NOT NULL
    AND CAST(order_delivered_customer_date AS DATE) <= CAST(order_estimated_delivery_date AS DATE)
  ) AS on_time_orders_by_date,
  CAST(coalesce(sum(delivery_seconds), 0) AS BIGINT) AS delivery_seconds
FROM (
  SELECT
    CAST(o.order_purchase_timestamp AS DATE) AS purchase_date,
    c.customer_state,
    o.order_status,
    o.order_delivered_customer_date,
    o.order_estimated_delivery_date,
    i.items,
    i.revenue,
    i.freight,
    CASE WHEN o.order_status = 'delivered'
      THEN date_diff('second', o.order_purchase_timestamp, o.order_delivered_customer_date)
    END AS delivery_seconds
  FROM {{ ref('silver.orders') }} AS o
  LEFT JOIN {{ ref('silver.customers') }} AS c ON c.customer_id = o.customer_id
  LEFT JOIN (
    SELECT
      order_id,
      count(*) AS items,
      CAST(sum(price) AS DECIMAL(18, 2)) AS revenue,
      CAST(sum(freight_value) AS DECIMAL(18, 2)) AS freight
    FROM {{ ref('silver.order_items') }}
    GROUP BY order_id
  ) AS i ON i.order_id = o.order_id
) AS purchases
GROUP BY purchase_date, customer_state
