# If this fails, who needs the SDK has to build the server too, gets files that he did not ask for, or cannot use what
# he got.
#
#   BUILD: the build; MAKE: its Ninja; COMPILER, FLAGS: what it compiles with; NM: what lists the symbols of a library;
#   CONSUMER: a project that uses the package; LIBDIR: where libraries are installed; IN: a directory of the test's own

cmake_minimum_required(VERSION 3.25)

set(steps_max 60)  # base, model, wire and client have 47

# Runs a command; OUT is what it printed.
function(run)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE code OUTPUT_VARIABLE out ERROR_VARIABLE out)
  if(NOT code EQUAL 0)
    message(FATAL_ERROR "${ARGN}:\n${out}")
  endif()
  set(out "${out}" PARENT_SCOPE)
endfunction()

file(REMOVE_RECURSE ${IN})

# Only what the SDK needs is built.
run(${MAKE} -C ${BUILD} -t commands holdfast_sdk)
string(REGEX MATCHALL "\n" steps "${out}")
list(LENGTH steps count)
if(count GREATER steps_max)
  message(FATAL_ERROR "The SDK takes ${count} steps, at most ${steps_max}.")
endif()
foreach(module catalog engine store session observe net server outbox)
  if(out MATCHES "src/${module}/")
    message(FATAL_ERROR "The SDK is built with ${module}.")
  endif()
endforeach()
run(${CMAKE_COMMAND} --build ${BUILD} --target holdfast_sdk)

# Only the SDK is installed.
run(${CMAKE_COMMAND} --install ${BUILD} --component sdk --prefix ${IN}/prefix)
file(GLOB_RECURSE files RELATIVE ${IN}/prefix ${IN}/prefix/*)
foreach(wanted include/holdfast/client.h ${LIBDIR}/libholdfast_client.a ${LIBDIR}/cmake/holdfast/holdfastConfig.cmake)
  if(NOT wanted IN_LIST files)
    message(FATAL_ERROR "${wanted} is missing. There is: ${files}")
  endif()
endforeach()
foreach(file ${files})
  if(NOT file MATCHES "^(include/holdfast/|${LIBDIR}/libholdfast_client\\.a$|${LIBDIR}/cmake/holdfast/)" OR file MATCHES "[Rr]edis")
    message(FATAL_ERROR "${file} is installed and no part of the SDK.")
  endif()
endforeach()

# What decides about locks and bills is the server's: no code of the SDK defines or calls it.
run(${NM} --demangle ${IN}/prefix/${LIBDIR}/libholdfast_client.a)
foreach(class LockTree StatusBoard Bill Catalog Audience)
  if(out MATCHES "(^|\n)[^\n]* [A-Za-z] (hf::${class}::[^\n]*)")
    message(FATAL_ERROR "libholdfast_client.a has the server's ${CMAKE_MATCH_2}.")
  endif()
endforeach()
if(NOT out MATCHES "hf::client::")
  message(FATAL_ERROR "libholdfast_client.a names nothing of the SDK.")
endif()

# A project of its own uses it.
set(configure ${CMAKE_COMMAND} -S ${CONSUMER} -G Ninja -D CMAKE_MAKE_PROGRAM=${MAKE} -D CMAKE_CXX_COMPILER=${COMPILER}
  -D CMAKE_CXX_FLAGS=${FLAGS} -D CMAKE_PREFIX_PATH=${IN}/prefix)
run(${configure} -B ${IN}/consumer)
run(${CMAKE_COMMAND} --build ${IN}/consumer)
run(${IN}/consumer/local_lock)
if(EXISTS ${IN}/consumer/redis_lock)
  message(FATAL_ERROR "There is no holdfast::redis, and it was used.")
endif()
