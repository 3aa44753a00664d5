{#- Which of the `probability_bins` of equal width from 0 to 100 a score falls into; 100 falls into the last. -#}
{% macro score_bin(score) -%}
    cast(
        least(
            floor({{ as_double(score ~ ' * validation_horizons.probability_bins') }} / 100) + 1,
            validation_horizons.probability_bins
        ) as integer
    )
{%- endmacro %}
