-- Athena's (Trino's) functions and operators on DuckDB, where DuckDB's of the same name differ or are missing.
-- Reference: https://trino.io/docs/current/functions.html. Each macro has a test with the result that Trino documents.
-- Inside a macro `system.main.f` is DuckDB's own f. What is neither here nor alike in both engines fails loudly as unknown.
-- Not covered, because a macro cannot see types: avg of decimals (Trino: decimal, here DOUBLE), decimal division (likewise),
-- casts of x.5 doubles to integers (Trino: away from zero, here to even), division of doubles by zero (Trino: Infinity, here an error);
-- and because DuckDB's parser resolves them itself: EXTRACT(DOW FROM x) (Trino: Monday 1, here Sunday 0: the engine refuses it)
-- and trim (Trino: all white space, here blanks only). The lint of the models allows none of these.
CREATE SCHEMA athena;

-- Operators: integers truncate, zero divisors fail (DuckDB: fractions and null).
CREATE MACRO athena."/"(a, b) AS CASE WHEN b = 0 THEN error('Division by zero') ELSE a // b END;
CREATE MACRO athena."%"(a, b) AS CASE WHEN b = 0 THEN error('Division by zero') ELSE system.main.mod(a, b) END;
CREATE MACRO athena.mod(a, b) AS CASE WHEN b = 0 THEN error('Division by zero') ELSE system.main.mod(a, b) END;

-- Null in, null out (DuckDB skips nulls).
CREATE MACRO athena.concat
  (a, b) AS a || b,
  (a, b, c) AS a || b || c,
  (a, b, c, d) AS a || b || c || d,
  (a, b, c, d, e) AS a || b || c || d || e,
  (a, b, c, d, e, f) AS a || b || c || d || e || f;
CREATE MACRO athena.greatest
  (a, b) AS CASE WHEN a IS NULL OR b IS NULL THEN NULL ELSE system.main.greatest(a, b) END,
  (a, b, c) AS CASE WHEN a IS NULL OR b IS NULL OR c IS NULL THEN NULL ELSE system.main.greatest(a, b, c) END,
  (a, b, c, d) AS CASE WHEN a IS NULL OR b IS NULL OR c IS NULL OR d IS NULL THEN NULL ELSE system.main.greatest(a, b, c, d) END;
CREATE MACRO athena.least
  (a, b) AS CASE WHEN a IS NULL OR b IS NULL THEN NULL ELSE system.main.least(a, b) END,
  (a, b, c) AS CASE WHEN a IS NULL OR b IS NULL OR c IS NULL THEN NULL ELSE system.main.least(a, b, c) END,
  (a, b, c, d) AS CASE WHEN a IS NULL OR b IS NULL OR c IS NULL OR d IS NULL THEN NULL ELSE system.main.least(a, b, c, d) END;

-- Time: whole elapsed units (DuckDB's date_diff counts boundaries crossed).
CREATE MACRO athena.date_diff(unit, a, b) AS system.main.date_sub(unit, a, b);
CREATE MACRO athena.date(x) AS CAST(x AS DATE);
CREATE MACRO athena.day_of_month(x) AS system.main.day(x);
CREATE MACRO athena.day_of_week(x) AS system.main.isodow(x);
CREATE MACRO athena.dow(x) AS system.main.isodow(x);
CREATE MACRO athena.day_of_year(x) AS system.main.dayofyear(x);
CREATE MACRO athena.doy(x) AS system.main.dayofyear(x);
CREATE MACRO athena.week_of_year(x) AS system.main.week(x);
CREATE MACRO athena.year_of_week(x) AS system.main.isoyear(x);
CREATE MACRO athena.yow(x) AS system.main.isoyear(x);
CREATE MACRO athena.to_unixtime(x) AS system.main.epoch(x);
-- MySQL's format letters, as Trino takes them, to strftime's (%i and %M first change places by way of %B).
CREATE MACRO athena.mysql_format(format) AS
  replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(format,
    '%M', '%B'), '%i', '%M'), '%s', '%S'), '%W', '%A'), '%e', '%-d'), '%c', '%-m'), '%k', '%-H'), '%h', '%I'), '%T', '%H:%M:%S'), '%l', '%-I');
CREATE MACRO athena.date_format(x, format) AS system.main.strftime(x, athena.mysql_format(format));
CREATE MACRO athena.sequence
  (a, b) AS system.main.generate_series(a, b),
  (a, b, step) AS system.main.generate_series(a, b, step);

-- Text.
CREATE MACRO athena.substr
  (text, start) AS CASE WHEN start = 0 OR -start > length(text) THEN '' ELSE system.main.substr(text, start) END,
  (text, start, size) AS CASE WHEN start = 0 OR -start > length(text) OR size <= 0 THEN '' ELSE system.main.substr(text, start, size) END;
CREATE MACRO athena.split_part(text, delimiter, index) AS system.main.list_extract(system.main.string_split(text, delimiter), index);
CREATE MACRO athena.regexp_like(text, pattern) AS system.main.regexp_matches(text, pattern);
CREATE MACRO athena.regexp_extract
  (text, pattern) AS CASE WHEN system.main.regexp_matches(text, pattern) THEN system.main.regexp_extract(text, pattern) END,
  (text, pattern, part) AS CASE WHEN system.main.regexp_matches(text, pattern) THEN system.main.regexp_extract(text, pattern, part) END;
-- Every match, with $1 for the first group (DuckDB: the first match, with \1).
CREATE MACRO athena.regexp_replace
  (text, pattern) AS system.main.regexp_replace(text, pattern, '', 'g'),
  (text, pattern, replacement) AS system.main.regexp_replace(
    text, pattern, system.main.regexp_replace(replacement, '\$(\d)', '\\\1', 'g'), 'g');
CREATE MACRO athena.json_extract_scalar(json, path) AS
  CASE WHEN json_type(json, path) NOT IN ('OBJECT', 'ARRAY', 'NULL') THEN json_extract_string(json, path) END;

-- Aggregates and arrays: the row with the greatest y wins although its x is null.
CREATE MACRO athena.max_by(x, y) AS system.main.arg_max_null(x, y);
CREATE MACRO athena.min_by(x, y) AS system.main.arg_min_null(x, y);
-- A BIGINT, as every count (DuckDB: HUGEINT).
CREATE MACRO athena.count_if(condition) AS count(CASE WHEN condition THEN 1 END);
CREATE MACRO athena.arbitrary(x) AS system.main.any_value(x);
CREATE MACRO athena.approx_distinct(x) AS system.main.approx_count_distinct(x);
CREATE MACRO athena.cardinality(list) AS system.main.len(list);
CREATE MACRO athena.element_at(list, index) AS system.main.list_extract(list, index);
CREATE MACRO athena.contains(list, item) AS system.main.list_contains(list, item);
CREATE MACRO athena.array_join(list, delimiter) AS system.main.array_to_string(list, delimiter);
