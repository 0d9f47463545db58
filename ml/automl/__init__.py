"""Search for the settings of networks (Optuna) and of classical pipelines (FLAML), judged on validation groups only."""
