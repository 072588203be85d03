# requirements.lock without scikit-learn and what only it needs (the image's `pip check` would
# notice if this list were too long).
/^[a-z]/ { keep = $0 !~ /^(scikit-learn|scipy|numpy|joblib|threadpoolctl|narwhals|cloudpickle)==/ }
keep { print }
