-- One product, with its category in English where the translation knows it.
-- grain: product_id
-- inputs: silver.products, silver.category_translation
SELECT
  p.product_id,
  p.product_category_name,
  t.product_category_name_english,
  p.product_name_lenght AS product_name_length,
  p.product_description_lenght AS product_description_length,
  p.product_photos_qty,
  p.product_weight_g,
  p.product_length_cm,
  p.product_height_cm,
  p.product_width_cm
FROM {{ ref('silver.products') }} AS p
LEFT JOIN {{ ref('silver.category_translation') }} AS t ON t.product_category_name = p.product_category_name
