"""The sandbox runs the code that a plan brings, in a cage: no network, no files, limits on everything, numbers out only.

``archives`` reads what a solver wrote, ``caging`` builds the cage (with ``filtering``), ``calling`` makes one call in it, and
``starter`` is the one file of ours that runs inside. Nothing here decides what may leave a site: nodes do, as for recipes.
"""
