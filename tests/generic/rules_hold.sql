{#- Each rule is an SQL condition on one row, proven for all rows in one scan. As in a check
    constraint, a rule whose outcome is null holds. -#}
{% test rules_hold(model, rules) %}

select
    case
        {% for rule in rules -%}
        when not ({{ rule }}) then '{{ rule | replace("'", "''") }}'
        {% endfor -%}
    end as broken_rule,
    checked.*
from {{ model }} as checked
where
    {% for rule in rules -%}
    not ({{ rule }}){{ ' or' if not loop.last }}
    {% endfor %}

{% endtest %}
