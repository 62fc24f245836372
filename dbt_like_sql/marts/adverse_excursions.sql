/*
description: >
  How far each position stood under water at its worst: the lowest low of a long one, or the highest high of a short one,
  against what its shares had cost on average. One row for each time that a book held a symbol on one side, from the
  first session until the last; dividends are left out.
owner: portfolio
group: reporting
grain: [session, book, symbol]
columns:
  session: the last session at whose close it was held
  book: "`account`, a strategy's name, `reserve` or `unclaimed`"
  symbol: ticker of the instrument
  opened: the first session at whose close it was held
  is_open: whether it is still held at the newest close
  side: "`long` or `short`"
  sessions: at how many closes it was held
  entry_price: average price paid at the first close, currency per share, split-adjusted as on that day
  worst_excursion: the worst price against the average price paid, fraction; negative, 0 where it never was under water
  worst_session: when that was
checks:
  not_null: [opened, worst_excursion]
  between: {worst_excursion: [-100, 0]}
*/
with numbered as (
    select session, row_number() over (order by session) as number
    from ref('account')
    where book = 'account'
),

held as (
    select
        positions.session,
        positions.book,
        positions.symbol,
        positions.average_cost,
        case when positions.quantity > 0 then 'long' else 'short' end as side,
        numbered.number,
        least(
            case
                when positions.quantity > 0 then coalesce(prices.low, positions.price) / positions.average_cost - 1
                else 1 - coalesce(prices.high, positions.price) / positions.average_cost
            end,
            0
        ) as excursion
    from ref('positions') as positions
    inner join numbered
        on numbered.session = positions.session
    left join ref('prices') as prices
        on prices.session = positions.session and prices.symbol = positions.symbol
    where positions.quantity <> 0 and positions.average_cost > 0
),

-- Closes in a row keep their distance to how many there were so far.
spells as (
    select
        session,
        book,
        symbol,
        side,
        average_cost,
        excursion,
        number,
        number - row_number() over (partition by book, symbol, side order by number) as spell
    from held
),

whole as (
    select
        book,
        symbol,
        side,
        spell,
        min(number) as first_number,
        max(number) as last_number,
        count(*) as sessions,
        min(excursion) as worst
    from spells
    group by book, symbol, side, spell
)

select
    max(spells.session) as session,
    whole.book,
    whole.symbol,
    min(spells.session) as opened,
    whole.last_number = (select max(numbered.number) from numbered) as is_open,
    whole.side,
    whole.sessions,
    max(case when spells.number = whole.first_number then spells.average_cost end) as entry_price,
    whole.worst as worst_excursion,
    min(case when spells.excursion = whole.worst then spells.session end) as worst_session
from whole
inner join spells
    on spells.book = whole.book
    and spells.symbol = whole.symbol
    and spells.side = whole.side
    and spells.spell = whole.spell
group by
    whole.book, whole.symbol, whole.side, whole.spell, whole.first_number, whole.last_number, whole.sessions, whole.worst
