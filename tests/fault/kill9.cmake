# The embedded engine's own process, killed in the middle of its work.
set(store_test_parts ${CMAKE_SOURCE_DIR}/src/store/embedded/store_workload.cpp
  ${CMAKE_SOURCE_DIR}/src/store/embedded/faulty_vfs.cpp)
add_executable(kill9_child kill9_child.cpp ${store_test_parts})
target_link_libraries(kill9_child PRIVATE hf_store_embedded)
add_executable(kill9_test kill9_test.cpp ${store_test_parts})
target_link_libraries(kill9_test PRIVATE hf_store_embedded GTest::gtest)
add_dependencies(kill9_test kill9_child)
target_precompile_headers(kill9_child REUSE_FROM hf_pch)
hf_test_executable(kill9_test)
add_test(NAME kill9_test COMMAND kill9_test $<TARGET_FILE:kill9_child>)
set_tests_properties(kill9_test PROPERTIES LABELS fault TIMEOUT 600)
