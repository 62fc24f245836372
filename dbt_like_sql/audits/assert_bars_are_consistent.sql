/*
description: >
  A failure means that a bar whose low, open, close and high contradict each other got past quarantine, and with it
  features, fills and limits computed from it are wrong. Look at the source of the bar; quarantine it.
owner: portfolio
asset: prices
severity: error
*/
select session, symbol, open, high, low, close
from ref('prices')
where low > open or low > close or high < open or high < close or low <= 0
