-- One seller.
-- grain: seller_id
-- inputs: silver.sellers
SELECT seller_id, seller_zip_code_prefix, seller_city, seller_state
FROM {{ ref('silver.sellers') }}
