{#- A bound of the Wilson score interval of a proportion, as a double: `sign` is + or -. Null without trials.
    E. B. Wilson, Probable inference (1927). -#}
{% macro wilson_bound(successes, trials, sign) -%}
    {%- set z = var('confidence_z') -%}
    {%- set n = 'nullif(' ~ as_double(trials) ~ ', 0)' -%}
    {%- set p = as_double(successes) ~ ' / ' ~ n -%}
    (
        {{ p }} + {{ z * z / 2 }} / {{ n }}
        {{ sign }} {{ z }} * sqrt(
            ({{ p }}) * (1 - {{ p }}) / {{ n }} + {{ z * z / 4 }} / ({{ n }} * {{ n }})
        )
    ) / (1 + {{ z * z }} / {{ n }})
{%- endmacro %}

{#- A bound of a Kaplan-Meier survival on the log-log scale, from its log and Greenwood's sum: `sign` is + for the lower bound, - for
    the upper. Null where nobody is left at risk. -#}
{% macro survival_bound(log_survival, greenwood, is_exhausted, sign) -%}
    {%- set spread = var('confidence_z') ~ ' * sqrt(' ~ greenwood ~ ') / nullif(abs(' ~ log_survival ~ '), 0)' -%}
    case
        when {{ is_exhausted }} = 1 then null
        when {{ log_survival }} = 0 then 1
        else {{ round_half_up('power(exp(' ~ log_survival ~ '), exp(' ~ sign ~ '(' ~ spread ~ ')))', 10) }}
    end
{%- endmacro %}

{#- Variance of the cumulative incidence of an outcome (Marubini and Valsecchi 1995, 10.12), from columns of its share and of its
    terms of each day. The squares are multiplied out, so that running sums give the variance of every day. -#}
{% macro incidence_variance(outcome, of_curve) -%}
    {%- set share = outcome ~ '_share' -%}
    {{ share }} * {{ share }} * sum(ended) {{ of_curve }}
    - 2 * {{ share }} * sum(ended * {{ share }} + {{ outcome }}_shared) {{ of_curve }}
    + sum(
        ended * {{ share }} * {{ share }} + {{ outcome }}_own
        + 2 * {{ outcome }}_shared * {{ share }}
    ) {{ of_curve }}
{%- endmacro %}

{#- How far the interval of a cumulative incidence reaches on the log-log scale, from its variance. Null where the share is 0 or 1. -#}
{% macro incidence_spread(share, variance) -%}
    case
        when {{ share }} > 0 and {{ share }} < 0.99999999999
            then
                {{ var('confidence_z') }}
                * sqrt(case when {{ variance }} > 0 then {{ variance }} else 0 end)
                / abs({{ share }} * ln({{ share }}))
    end
{%- endmacro %}

{#- Kish's design effect of a share of trials that come in clusters: the variance between clusters over that of as many independent
    trials. Where all or none succeed there is no variance, and the effect follows from the cluster sizes alone. The last three are
    sums over clusters of squares and of the product. -#}
{% macro design_effect(successes, trials, clusters, successes_squared, successes_by_trials, trials_squared) -%}
    {%- set share = as_double(successes) ~ ' / nullif(' ~ trials ~ ', 0)' -%}
    case
        when {{ clusters }} = 1 or {{ successes }} in (0, {{ trials }})
            then {{ as_double(trials_squared) }} / nullif({{ trials }}, 0)
        else
            {{ as_double(clusters) }} / ({{ clusters }} - 1)
            * (
                {{ as_double(successes_squared) }} - 2 * {{ share }} * {{ successes_by_trials }}
                + {{ share }} * {{ share }} * {{ trials_squared }}
            )
            * ({{ trials }} - 1)
            / ({{ as_double(successes) }} * ({{ trials }} - {{ successes }}))
    end
{%- endmacro %}

{#- Linearised variance of a ratio of sums over units, numerator over denominator, from sums of squares and products (Cochran, Sampling
    Techniques, 1977). Times n / (n - 1) for the interval of the ratio. -#}
{% macro ratio_variance(share, squares, products, base_squares, base) -%}
    greatest(
        {{ squares }} - 2 * {{ share }} * {{ products }} + {{ share }} * {{ share }} * {{ base_squares }}, 0
    ) / nullif({{ as_double(base) }} * {{ as_double(base) }}, 0)
{%- endmacro %}

{#- How many equal units tell as much of a weighted share: Kish's effective size, from the sum of the squared weights (Survey Sampling,
    1965), or fewer by the linearised variance (Korn and Graubard, 1998). Null below 0. -#}
{% macro effective_size(share, variance, squared_weights) -%}
    case
        when {{ share }} < 0 then null
        when {{ variance }} > {{ share }} * (1 - {{ share }}) * {{ squared_weights }}
            then {{ share }} * (1 - {{ share }}) / nullif({{ variance }}, 0)
        else 1 / nullif({{ squared_weights }}, 0)
    end
{%- endmacro %}

{#- A p value after S. Holm (A simple sequentially rejective multiple test procedure, 1979), at most 1. `place` counts from the least p
    of the `family` (columns), which holds so many `tests`. -#}
{% macro holm_p_value(p_value, place, tests, family) -%}
    least(
        max(({{ tests }} - {{ place }} + 1) * {{ p_value }}) over (
            partition by {{ family }} order by {{ place }}
        ), 1
    )
{%- endmacro %}

{#- The least false discovery rate at which the list of a `family` (columns) holds this p value: Benjamini and Hochberg (1995), the running
    minimum of p * tests / place from the largest p down. -#}
{% macro false_discovery_rate(p_value, place, tests, family) -%}
    min({{ p_value }} * {{ tests }} / {{ place }}) over (
        partition by {{ family }} order by {{ place }} desc
        rows between unbounded preceding and current row
    )
{%- endmacro %}
