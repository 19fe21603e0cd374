"""The probes that sae-probes publishes, written out in scikit-learn: what ours are compared with."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, f1_score, roc_auc_score
from sklearn.model_selection import StratifiedKFold
from threadpoolctl import threadpool_limits


@threadpool_limits.wrap(limits=1)
def probe_by_hand(
    train: np.ndarray, y_train: np.ndarray, test: np.ndarray, y_test: np.ndarray, seed: int, **logistic: Any
) -> tuple[float, float, float, float]:
    """Return validation AUC, and test AUC, accuracy and F1."""
    model = {"random_state": seed, "max_iter": 1000, **logistic}
    held, rows = min(len(train) // 5, 100), np.arange(len(train))
    folds = [(rows[: len(train) - held], rows[len(train) - held :])]
    if len(train) < 128:
        folds = list(StratifiedKFold(6, shuffle=True, random_state=seed).split(train, y_train))
    scores = {}
    for c in np.logspace(5, -5, 10):
        aucs = []
        for fold, validation in folds:
            fitted = LogisticRegression(C=c, **model).fit(train[fold], y_train[fold])
            aucs.append(roc_auc_score(y_train[validation], fitted.predict_proba(train[validation])[:, 1]))
        scores[c] = np.mean(aucs)
    best = max(scores, key=lambda c: (scores[c], c))
    order = np.random.RandomState(seed).permutation(len(train))
    fitted = LogisticRegression(C=best, **model).fit(train[order], y_train[order])
    said, score = fitted.predict(test), fitted.predict_proba(test)[:, 1]
    return (
        float(scores[best]),
        float(roc_auc_score(y_test, score)),
        float(accuracy_score(y_test, said)),
        float(f1_score(y_test, said, average="weighted")),
    )


def differences_by_hand(train: np.ndarray, y_train: np.ndarray) -> np.ndarray:
    """Return how much the class means of each latent differ, in units of its mean where it is active."""
    active = (train > 0).sum(axis=0)
    scaled = train / (np.maximum(train.sum(axis=0), 1e-30) / np.maximum(active, 1))
    return np.abs(scaled[y_train == 1].mean(axis=0) - scaled[y_train == 0].mean(axis=0))
