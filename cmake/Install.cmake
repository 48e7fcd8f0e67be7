# What `cmake --install` puts where, and the CMake package `holdfast`:
#
#   find_package(holdfast REQUIRED)
#   target_link_libraries(mine PRIVATE holdfast::client)
#
# The package shows a static library, libholdfast_client.a, made of hf_client and of every module of ours that it
# stands on, and the headers in include/holdfast. So our modules, their include paths and our warnings stay inside;
# only the libraries of others come along, as find_dependency() in the package. holdfast::redis is the same for
# hf_client_redis (holdfast/redis_distributed_lock.h), and has only what holdfast::client has not.
#
# Each is a target and a component of its own, so that who needs the SDK alone builds and installs it alone:
#
#   cmake --build build --target holdfast_sdk && cmake --install build --component sdk
#
# holdfast_sdk_redis and the component sdk_redis add holdfast::redis. The programs are the component programs.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

# Splits what `target` stands on into modules of ours and libraries of others.
function(hf_closure target modules_var libraries_var)
  set(ahead ${target})
  set(modules)
  set(libraries)
  while(ahead)
    list(POP_FRONT ahead next)
    if(next IN_LIST modules OR next IN_LIST libraries OR next STREQUAL "hf_pch")
      continue()
    elseif(next MATCHES "^hf_")
      list(APPEND modules ${next})
      get_target_property(type ${next} TYPE)
      if(type STREQUAL "INTERFACE_LIBRARY")
        get_target_property(links ${next} INTERFACE_LINK_LIBRARIES)
      else()
        get_target_property(links ${next} LINK_LIBRARIES)
      endif()
      if(links)
        list(APPEND ahead ${links})
      endif()
    else()
      list(APPEND libraries ${next})
    endif()
  endwhile()
  set(${modules_var} ${modules} PARENT_SCOPE)
  set(${libraries_var} ${libraries} PARENT_SCOPE)
endfunction()

foreach(program holdfastd holdfast)
  if(TARGET ${program})
    install(TARGETS ${program} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT programs)
  endif()
endforeach()
install(DIRECTORY catalog/ DESTINATION ${CMAKE_INSTALL_DATADIR}/holdfast/catalog COMPONENT programs
  FILES_MATCHING PATTERN "*.toml")
install(FILES LICENSE README.md CHANGELOG.md DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT programs)

if(TARGET hf_client)
  # The target `sdk`, a library that is shown as holdfast::NAME, of `modules`.
  function(hf_shown sdk name modules)
    set(objects)
    foreach(module ${modules})
      get_target_property(type ${module} TYPE)
      if(NOT type STREQUAL "INTERFACE_LIBRARY")
        list(APPEND objects $<TARGET_OBJECTS:${module}>)
      endif()
    endforeach()
    add_library(${sdk} STATIC ${objects})
    set_target_properties(${sdk} PROPERTIES OUTPUT_NAME holdfast_${name} EXPORT_NAME ${name} LINKER_LANGUAGE CXX)
    target_compile_features(${sdk} INTERFACE cxx_std_20)
    target_include_directories(${sdk} INTERFACE $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
  endfunction()

  # How a user's CMake finds `libraries`: by the namespace of each target. The lines of the package's file.
  function(hf_found config_var)
    set(packages)
    set(config)
    foreach(library ${ARGN})
      if(library MATCHES "^Boost::(headers|boost)$")
        list(APPEND packages "Boost 1.81")
      elseif(library MATCHES "^Boost::(.+)$")
        list(APPEND packages "Boost 1.81 COMPONENTS ${CMAKE_MATCH_1}")
      elseif(library STREQUAL "tl::expected")
        list(APPEND packages "tl-expected")
      elseif(library MATCHES "^(OpenSSL|Threads|ZLIB|CURL)::")
        list(APPEND packages "${CMAKE_MATCH_1}")
      elseif(library STREQUAL "utf8proc::utf8proc")
        string(APPEND config "find_library(HOLDFAST_UTF8PROC utf8proc REQUIRED)
if(NOT TARGET utf8proc::utf8proc)
  add_library(utf8proc::utf8proc INTERFACE IMPORTED)
  set_target_properties(utf8proc::utf8proc PROPERTIES INTERFACE_LINK_LIBRARIES \${HOLDFAST_UTF8PROC})
endif()\n")
      else()
        message(FATAL_ERROR "cmake/Install.cmake: how does a user of the SDK find ${library}?")
      endif()
    endforeach()
    list(REMOVE_DUPLICATES packages)
    foreach(package ${packages})
      string(APPEND config "find_dependency(${package})\n")
    endforeach()
    set(${config_var} "${config}" PARENT_SCOPE)
  endfunction()

  # A module's own find_package() is seen in its folder only; install(EXPORT) wants the targets here.
  function(hf_find_here config)
    string(REGEX MATCHALL "find_dependency\\([^)]+\\)" calls "${config}")
    foreach(call ${calls})
      string(REGEX REPLACE "find_dependency\\((.+)\\)" "\\1" arguments "${call}")
      separate_arguments(arguments UNIX_COMMAND "${arguments}")
      find_package(${arguments} REQUIRED)
    endforeach()
  endfunction()

  set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/holdfast)
  hf_closure(hf_client modules libraries)
  hf_shown(holdfast_sdk client "${modules}")
  target_link_libraries(holdfast_sdk INTERFACE ${libraries})
  hf_found(needs ${libraries})
  hf_find_here("${needs}")
  install(TARGETS holdfast_sdk EXPORT holdfast ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT sdk)
  install(EXPORT holdfast FILE holdfastTargets.cmake NAMESPACE holdfast:: DESTINATION ${package_dir} COMPONENT sdk)
  install(DIRECTORY include/holdfast DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT sdk
    PATTERN redis_distributed_lock.h EXCLUDE)

  set(redis_needs)
  if(TARGET hf_client_redis)
    hf_closure(hf_client_redis redis_modules redis_libraries)
    list(REMOVE_ITEM redis_modules ${modules})
    list(REMOVE_ITEM redis_libraries ${libraries})
    hf_shown(holdfast_sdk_redis redis "${redis_modules}")
    target_link_libraries(holdfast_sdk_redis INTERFACE holdfast_sdk ${redis_libraries})
    hf_found(redis_needs ${redis_libraries})
    hf_find_here("${redis_needs}")
    install(TARGETS holdfast_sdk_redis EXPORT holdfast_redis
      ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT sdk_redis)
    install(EXPORT holdfast_redis FILE holdfastRedisTargets.cmake NAMESPACE holdfast:: DESTINATION ${package_dir}
      COMPONENT sdk_redis)
    install(FILES include/holdfast/redis_distributed_lock.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/holdfast
      COMPONENT sdk_redis)
  endif()

  file(WRITE ${CMAKE_BINARY_DIR}/holdfastConfig.cmake "include(CMakeFindDependencyMacro)
${needs}include(\${CMAKE_CURRENT_LIST_DIR}/holdfastTargets.cmake)
set(holdfast_client_FOUND TRUE)
if(EXISTS \${CMAKE_CURRENT_LIST_DIR}/holdfastRedisTargets.cmake)
${redis_needs}include(\${CMAKE_CURRENT_LIST_DIR}/holdfastRedisTargets.cmake)
set(holdfast_redis_FOUND TRUE)
endif()
foreach(component \${holdfast_FIND_COMPONENTS})
  if(holdfast_FIND_REQUIRED_\${component} AND NOT holdfast_\${component}_FOUND)
    set(holdfast_FOUND FALSE)
    set(holdfast_NOT_FOUND_MESSAGE \"holdfast::\${component} is not installed.\")
  endif()
endforeach()\n")
  write_basic_package_version_file(${CMAKE_BINARY_DIR}/holdfastConfigVersion.cmake COMPATIBILITY SameMinorVersion)
  install(FILES ${CMAKE_BINARY_DIR}/holdfastConfig.cmake ${CMAKE_BINARY_DIR}/holdfastConfigVersion.cmake
    DESTINATION ${package_dir} COMPONENT sdk)
endif()
