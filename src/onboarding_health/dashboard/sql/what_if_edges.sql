-- Where the bands begin now, as the accounts of a version show it. One row.
select
    coalesce(
        min(score + points_to_next_band) filter (next_band = 'yellow'),
        min(score) filter (measured_band = 'yellow')
    ) as yellow,
    coalesce(
        min(score + points_to_next_band) filter (next_band = 'green'),
        min(score) filter (measured_band = 'green')
    ) as green
from fct_current_health
where status = 'scored' and model_version = $version
