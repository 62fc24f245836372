"""How assets are made: of a function (`session_asset`), of a card (`strategy`), of an SQL model (`sql_models`), with
the dependencies (`filling`), lineage, checks and audits that follow from what they declare. Not here: any particular
asset (`defs`), and any arithmetic.
"""
