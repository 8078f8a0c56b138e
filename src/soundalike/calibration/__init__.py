"""Calibration: from listeners' answers to the weights of facets.

    score(X, A) - score(X, B) = sum_f w_f * d_f          d_f = s_f(X, A) - s_f(X, B)

The sum is positive where A is preferred. There is no intercept, so that naming the candidates the other way round
changes nothing. Read in this order: `votes`, `differences`, `model` (the solvers are in `linear`), `intervals`,
`fitting`, `result`; then `presets` (results kept beside a library) and `questions` (which triplet to ask about next).
`estimator` is the same model for scikit-learn's tools, and the only part that needs scikit-learn.
"""
