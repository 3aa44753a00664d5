{#- The bin of a score, of `probability_bins` bins of equal width from 0 to 100; 100 is in the last. -#}
{% macro score_bin(score) -%}
    cast(
        least(
            floor({{ as_double(score ~ ' * validation_horizons.probability_bins') }} / 100) + 1,
            validation_horizons.probability_bins
        ) as integer
    )
{%- endmacro %}
