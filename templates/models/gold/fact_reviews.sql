-- One review of an order, as given: an order may have several and a review id may stand for several orders.
-- grain: review_id, order_id
-- inputs: silver.order_reviews, silver.orders, silver.customers, gold.dim_date
-- partition: month(review_creation_date)
-- affected by silver.order_reviews: SELECT review_creation_date FROM changed
-- affected by silver.orders: SELECT r.review_creation_date FROM changed AS o
--   JOIN {{ ref('silver.order_reviews') }} AS r ON r.order_id = o.order_id
-- affected by silver.customers: SELECT r.review_creation_date FROM changed AS c
--   JOIN {{ ref('silver.orders') }} AS o ON o.customer_id = c.customer_id
--   JOIN {{ ref('silver.order_reviews') }} AS r ON r.order_id = o.order_id
-- affected by gold.dim_date: SELECT full_date FROM changed
SELECT
  r.review_id,
  r.order_id,
  o.customer_id,
  c.customer_unique_id,
  c.customer_state,
  r.review_score,
  r.review_comment_title,
  r.review_comment_message,
  r.review_creation_date,
  d.date_key AS review_creation_date_key,
  r.review_answer_timestamp
FROM {{ ref('silver.order_reviews') }} AS r
LEFT JOIN {{ ref('silver.orders') }} AS o ON o.order_id = r.order_id
LEFT JOIN {{ ref('silver.customers') }} AS c ON c.customer_id = o.customer_id
LEFT JOIN {{ ref('gold.dim_date') }} AS d ON d.full_date = CAST(r.review_creation_date AS DATE)
