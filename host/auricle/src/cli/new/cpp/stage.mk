# make: the plugin. make test: the plugin holds to the contract.

NAME := my-engine
AURICLE ?= auricle
CXXFLAGS ?= -O2 -Wall -Wextra
SUFFIX := $(if $(filter Darwin,$(shell uname)),dylib,so)
PLUGIN := build/lib$(NAME).$(SUFFIX)

$(PLUGIN): src/my_engine.cpp include/auricle.h include/auricle.hpp
	mkdir -p build
	$(CXX) -std=c++17 $(CXXFLAGS) -fPIC -fvisibility=hidden -shared -Iinclude -o $@ $<

test: $(PLUGIN)
	$(AURICLE) validate $(PLUGIN) --preset configs/presets/$(NAME).json $(VALIDATE)

clean:
	rm -rf build

.PHONY: test clean
