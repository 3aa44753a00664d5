-- What moved further from the version's first weeks than chance explains. One row per finding of the last months.
select month, segment, stage, measure, subject, drift, noise, level, finding
from rpt_health_drift
where level in ('warn', 'alert') and month >= (select max(month) - interval 3 months from
    rpt_health_drift)
order by level = 'alert' desc, month desc, drift desc
