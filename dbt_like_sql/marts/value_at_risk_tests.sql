/*
description: >
  Whether value at risk was right, from the first session up to this one: each session's paper return is held against what
  the close before it said. Kupiec asks whether losses beyond it were as many as it says, Christoffersen whether they came
  one by one rather than in a row, and both together. A small p-value (0.05, say) is evidence that it was wrong; p-values
  are exact to seven digits.
owner: portfolio
group: reporting
grain: [session, measure]
columns:
  session: the trading session
  measure: the metric of risk_metrics that is tested
  sessions: sessions that had a figure before them
  expected: how many of them should lose more
  exceedances: how many did
  kupiec: likelihood ratio of unconditional coverage
  kupiec_p: chance of as much, were it right
  independence: likelihood ratio of independence, of each session and the one before it
  independence_p: chance of as much, were exceedances independent
  conditional_coverage: the sum of both
  conditional_coverage_p: chance of as much, were both so
  verdict: "`holds`, `too low` (more losses beyond it), `too high` or `in clusters`, at 5 %"
checks:
  not_null: [sessions, exceedances, kupiec_p]
  between: {kupiec_p: [0, 1.000001], independence_p: [0, 1.000001], conditional_coverage_p: [0, 1.000001]}
*/
with promised as (
    select
        session,
        metric as measure,
        cast(case when metric like '%_95%' then 0.05 else 0.01 end as double precision) as chance,
        lag(value) over (partition by metric order by session) as at_risk
    from ref('risk_metrics')
    where scope = 'portfolio' and metric in (
        'value_at_risk_95', 'value_at_risk_95_parametric', 'value_at_risk_95_cornish_fisher',
        'value_at_risk_99', 'value_at_risk_99_parametric', 'value_at_risk_99_cornish_fisher'
    )
),

compared as (
    select
        promised.session,
        promised.measure,
        promised.chance,
        cast(case when -earned.value > promised.at_risk then 1 else 0 end as double precision) as beyond
    from promised
    inner join ref('risk_metrics') as earned
        on earned.session = promised.session
        and earned.scope = 'portfolio'
        and earned.metric = 'paper_return_1d'
    where promised.at_risk is not null and earned.value is not null
),

in_a_row as (
    select
        session,
        measure,
        chance,
        beyond,
        beyond * lag(beyond, 1, 0) over (partition by measure order by session) as again,
        first_value(beyond) over (partition by measure order by session) as at_first
    from compared
),

so_far as (
    select
        session,
        measure,
        chance,
        beyond,
        at_first,
        cast(row_number() over (partition by measure order by session) as double precision) as n,
        sum(beyond) over past as x,
        sum(again) over past as n_11
    from in_a_row
    window past as (partition by measure order by session rows between unbounded preceding and current row)
),

-- n_ab: how many sessions were b (beyond or not) after one that was a. The first is after none, the last before none.
counted as (
    select
        session,
        measure,
        chance,
        n,
        x,
        n - 1 - (x - beyond) - (x - at_first) + n_11 as n_00,
        x - at_first - n_11 as n_01,
        x - beyond - n_11 as n_10,
        n_11
    from so_far
),

-- What is nothing times the logarithm of nothing counts nothing.
rated as (
    select
        session,
        measure,
        chance,
        n,
        x,
        n_00,
        n_01,
        n_10,
        n_11,
        greatest(x / n, 1e-300) as rate,
        greatest((n - x) / n, 1e-300) as rest,
        greatest((n_01 + n_11) / greatest(n - 1, 1), 1e-300) as pair_rate,
        greatest((n_00 + n_10) / greatest(n - 1, 1), 1e-300) as pair_rest,
        greatest(n_01 / greatest(n_00 + n_01, 1), 1e-300) as after_calm,
        greatest(n_00 / greatest(n_00 + n_01, 1), 1e-300) as calm_after_calm,
        greatest(n_11 / greatest(n_10 + n_11, 1), 1e-300) as after_loss,
        greatest(n_10 / greatest(n_10 + n_11, 1), 1e-300) as calm_after_loss
    from counted
),

ratios as (
    select
        session,
        measure,
        chance,
        n,
        x,
        greatest(2 * (x * ln(rate / chance) + (n - x) * ln(rest / (1 - chance))), 0) as kupiec,
        greatest(
            2 * (
                n_00 * ln(calm_after_calm) + n_01 * ln(after_calm) + n_10 * ln(calm_after_loss) + n_11 * ln(after_loss)
                - (n_00 + n_10) * ln(pair_rest) - (n_01 + n_11) * ln(pair_rate)
            ),
            0
        ) as independence
    from rated
),

-- Of chi-square with one degree of freedom: the complementary error function, after Numerical Recipes.
steps as (
    select
        session,
        measure,
        chance,
        n,
        x,
        kupiec,
        independence,
        1 / (1 + sqrt(kupiec / 2) / 2) as t,
        1 / (1 + sqrt(independence / 2) / 2) as u
    from ratios
),

tested as (
    select
        session,
        measure,
        n,
        n * chance as expected,
        x,
        kupiec,
        t * exp(
            -kupiec / 2 - 1.26551223 + t * (1.00002368 + t * (0.37409196 + t * (0.09678418 + t * (-0.18628806 + t * (
                0.27886807 + t * (-1.13520398 + t * (1.48851587 + t * (-0.82215223 + t * 0.17087277)))
            )))))
        ) as kupiec_p,
        independence,
        u * exp(
            -independence / 2 - 1.26551223 + u * (1.00002368 + u * (0.37409196 + u * (0.09678418 + u * (
                -0.18628806 + u * (
                    0.27886807 + u * (-1.13520398 + u * (1.48851587 + u * (-0.82215223 + u * 0.17087277)))
                )
            ))))
        ) as independence_p,
        kupiec + independence as conditional_coverage,
        exp(-(kupiec + independence) / 2) as conditional_coverage_p
    from steps
)

select
    session,
    measure,
    n as sessions,
    expected,
    x as exceedances,
    kupiec,
    kupiec_p,
    independence,
    independence_p,
    conditional_coverage,
    conditional_coverage_p,
    case
        when kupiec_p < 0.05 and x > expected then 'too low'
        when kupiec_p < 0.05 then 'too high'
        when independence_p < 0.05 then 'in clusters'
        else 'holds'
    end as verdict
from tested
